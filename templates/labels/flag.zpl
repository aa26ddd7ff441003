{%- extends "label.zpl" -%}
{%- block drawing %}
{#- Ticks where the faces end and the tail begins. #}
{%- for x in (381, 633) %}
^FO{{ x|dots }},0^GB2,{{ 12|dots }},2,B,0^FS
^FO{{ x|dots }},{{ 115|dots }}^GB2,{{ 12|dots }},2,B,0^FS
{%- endfor %}
{%- endblock %}
