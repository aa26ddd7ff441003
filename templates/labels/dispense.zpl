{%- extends "label.zpl" -%}
{%- block drawing %}
{#- Rules between the patient, the drug and the times. #}
{{- parts.rule(20, 46, 976) }}{{ parts.rule(20, 187, 976) }}{{ parts.rule(20, 467, 976) }}
{#- A thin rule between the rows of several drugs leads the eye from a name to its amount. #}
{%- for y in drawing.rows %}
^FO{{ 25|dots }},{{ y|dots }}^GB{{ 830|dots }},1,1,B,0^FS
{%- endfor %}
{#- The beyond-use time stands in a frame. #}
{{- parts.frame(22, 512, 700, 51) }}
{%- if label.test %}{{ parts.stripes(0, 1001, 50, 740) }}{% endif %}
{%- endblock %}
