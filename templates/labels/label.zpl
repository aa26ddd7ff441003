{#- One label: its size, its drawing (the block of its kind), its black grounds, texts and codes; one copy. -#}
{%- import "parts.zpl" as parts with context -%}
^XA
^CI28
^FX {{ dots_per_mm }} dots/mm ^FS
^PW{{ width }}^LL{{ length }}^LH0,0^LS0^PON
{%- block drawing %}{% endblock %}
{%- for each in bands %}{{ parts.band(each) }}{% endfor %}
{%- for line in lines %}
{{- parts.text(line) }}
{#- Bold is the same text once more, a hair aside. -#}
{%- if line.bolder %}{{ parts.text(line, line.bolder|dots) }}{% endif %}
{%- endfor %}
{%- for each in codes %}{{ parts.code(each) }}{% endfor %}
^PQ1,0,1,Y
^XZ
